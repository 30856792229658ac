/** Who is signed in. */

import { ask } from './asking';

export type Role = 'viewer' | 'operator' | 'admin';

export interface Session {
  name: string;
  role: Role;
  version?: string;
}

export const session = {
  session: () => ask<Session>('GET', '/api/session'),
  signIn: (name: string, password: string) => ask<Session>('POST', '/api/session', { name, password }),
  signOut: () => ask<void>('DELETE', '/api/session'),
  firstUser: (token: string, name: string, password: string) =>
    ask<Session>('POST', '/api/first-user', { token, name, password }),
};
