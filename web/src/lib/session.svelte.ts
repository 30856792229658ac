/** Who is looking. */

import { api, Refusal, type Session } from './api';
import { live } from './live.svelte';

class Viewer {
  session: Session | null = $state.raw(null);
  /** False until the server has said whether there is a session. */
  known = $state(false);
  error: Refusal | null = $state.raw(null);

  async ask(): Promise<void> {
    try {
      this.session = await api.session();
      this.known = true;
      this.error = null;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.status === 401) this.leave();
      else if (!this.known) this.error = error;
    }
  }

  enter(session: Session): void {
    this.session = session;
    this.known = true;
    this.error = null;
  }

  leave(): void {
    this.session = null;
    this.known = true;
    this.error = null;
    live.forget();
  }

  async signOut(): Promise<void> {
    await api.signOut().catch(() => undefined);
    this.leave();
  }

  get canOperate(): boolean {
    return this.session !== null && this.session.role !== 'viewer';
  }
}

export const viewer = new Viewer();
