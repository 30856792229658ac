"""The program's own metrics: what each counts. `/metrics` says it beside the figures, and the reference is made from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OWN: Final[Mapping[str, str]] = {
    "gwanje_agent_dropped_batches_total": "Batches the agent gave up, by reason: full (buffer) or refused (other side).",
    "gwanje_agent_waiting_batches": "Batches of the agent that wait to be sent.",
    "gwanje_agent_waiting_bytes": "Bytes of the agent's batches that wait to be sent.",
    "gwanje_alerts": "Open alerts, by state.",
    "gwanje_bodies_received_total": "Bodies of samples that were decoded and handed to the store.",
    "gwanje_bodies_refused_total": "Bodies that could not be read.",
    "gwanje_delivery_attempts_total": "Attempts to tell a receiver, by receiver and outcome: sent, later or failed.",
    "gwanje_delivery_seconds_total": "Time spent telling, by receiver.",
    "gwanje_events_received_total": "Events that were stored.",
    "gwanje_fetch_bytes_total": "Bytes fetched, by pipeline.",
    "gwanje_fetch_rows_total": "Rows fetched, by pipeline.",
    "gwanje_fetch_seconds": "How long fetches took, by pipeline; cancelled ones are left out.",
    "gwanje_fetch_total": "Fetches, by pipeline and outcome: succeeded, failed or cancelled. Retries do not count.",
    "gwanje_probe_seconds": "How long the last look of a probe took.",
    "gwanje_probe_up": "1 when the last look of a probe went well, else 0.",
    "gwanje_recording_errors_total": "Evaluations of a recording rule that failed; nothing was recorded.",
    "gwanje_recording_evaluations_total": "Evaluations of a recording rule.",
    "gwanje_recording_seconds_total": "Time spent evaluating a recording rule and storing its answer.",
    "gwanje_recording_series": "Series that a recording rule had at its last evaluation.",
    "gwanje_rule_errors_total": "Evaluations of a rule that failed; they change no alert.",
    "gwanje_rule_evaluations_total": "Evaluations of a rule.",
    "gwanje_rule_seconds_total": "Time spent evaluating a rule.",
    "gwanje_samples_conflicting_total": "Samples refused because another value stands at their time; the first stays.",
    "gwanje_samples_duplicate_total": "Samples that the store held already.",
    "gwanje_samples_received_total": "Samples that were stored.",
    "gwanje_samples_refused_total": "Samples refused, by reason.",
    "gwanje_store_active_series": "Series with samples lately; new ones are refused at the limit.",
    "gwanje_store_appended_samples_total": "Samples appended to the embedded store.",
    "gwanje_store_block_bytes": "Bytes of all blocks.",
    "gwanje_store_block_samples": "Samples in all blocks.",
    "gwanje_store_blocks": "Blocks.",
    "gwanje_store_conflicting_samples_total": "Samples with another value at a time that is held; the first stayed.",
    "gwanje_store_duplicate_samples_total": "Samples that were held already.",
    "gwanje_store_failed_blocks_total": "Blocks that could not be written; the log keeps their samples and it is tried again.",
    "gwanje_store_head_bytes": "Bytes of the head in memory.",
    "gwanje_store_head_samples": "Samples in the head.",
    "gwanje_store_log_bytes": "Bytes of the write-ahead log.",
    "gwanje_store_log_unsynced_records": "Records of the log that are written and not yet on the disk: at most a second's.",
    "gwanje_store_refused_samples_total": "Samples the embedded store refused.",
    "gwanje_store_series": "Series the index knows.",
    "process_cpu_seconds_total": "Processor time of this process.",
    "process_open_fds": "Open file descriptors of this process.",
    "process_resident_memory_bytes": "Resident memory of this process.",
    "process_start_time_seconds": "When this process started, in Unix seconds.",
}
"""By name; of a histogram, the name without `_bucket`, `_sum`, `_count`."""
