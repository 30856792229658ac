import type { Container } from './api';

/** Return how much of its memory limit a container uses; unknown without a limit. */
export function memoryShare({ memory_working_set_bytes, memory_limit_bytes }: Container): number | null {
  return memory_working_set_bytes === null || !memory_limit_bytes
    ? null
    : memory_working_set_bytes / memory_limit_bytes;
}
