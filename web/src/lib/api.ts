/** The server's HTTP contract: types, and one function a path, by noun in `api/`. */

import { alerts } from './api/alerts';
import { collection } from './api/collection';
import { dashboards } from './api/dashboards';
import { machines } from './api/machines';
import { queries } from './api/queries';
import { rules } from './api/rules';
import { scaling } from './api/scaling';
import { session } from './api/session';
import { settings } from './api/settings';
import { telling } from './api/telling';
import { thresholds } from './api/thresholds';
import { withQuery } from './api/asking';

export { onSignedOut, Refusal } from './api/asking';
export type * from './api/alerts';
export type * from './api/collection';
export type * from './api/dashboards';
export type * from './api/machines';
export type * from './api/queries';
export type * from './api/rules';
export type * from './api/scaling';
export type * from './api/session';
export type * from './api/settings';
export type * from './api/telling';
export type * from './api/thresholds';
export type * from './api/words';

export const api = {
  ...session,
  ...machines,
  ...alerts,
  ...telling,
  ...settings,
  ...rules,
  ...thresholds,
  ...collection,
  ...scaling,
  ...dashboards,
  ...queries,
  streamUrl: (topics: readonly string[]) => withQuery('/api/v1/stream', { topics: topics.join(',') }),
};
