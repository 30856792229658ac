import type { Alert } from './api';

/** Return the open alerts after one changed. */
export function withAlert(alerts: readonly Alert[], alert: Alert): Alert[] {
  const others = alerts.filter(({ id }) => id !== alert.id);
  return alert.ended_at === null && alert.state !== 'resolved' ? [...others, alert] : others;
}
