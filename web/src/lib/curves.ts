/** The PromQL of the curves that the page draws by itself. */

function quoted(value: string): string {
  return JSON.stringify(value);
}

/** Rates need at least two samples; over long ranges they cover the whole step, so that no peak falls between. */
function over(step: number): string {
  return `[${Math.max(60, step)}s]`;
}

function cpuShare(host: string, mode: string, step: number): string {
  const mine = `host=${quoted(host)}`;
  const part = `sum by (host) (rate(node_cpu_seconds_total{mode="${mode}",${mine}}${over(step)}))`;
  return `${part} / sum by (host) (rate(node_cpu_seconds_total{${mine}}${over(step)}))`;
}

export const curves = {
  samplesReceived: (step: number) => `sum(rate(gwanje_samples_received_total${over(step)}))`,
  // Shares of the sum and not rates alone: in the first minute both are too low by the same factor.
  cpuUsed: (host: string, step: number) => `1 - ${cpuShare(host, 'idle', step)}`,
  cpuIowait: (host: string, step: number) => cpuShare(host, 'iowait', step),
  memoryUsed: (host: string) =>
    `1 - node_memory_MemAvailable_bytes{host=${quoted(host)}} / node_memory_MemTotal_bytes{host=${quoted(host)}}`,
  filesystemUsed: (host: string) =>
    `1 - node_filesystem_avail_bytes{host=${quoted(host)}} / node_filesystem_size_bytes{host=${quoted(host)}}`,
  networkBits: (host: string, direction: 'receive' | 'transmit', step: number) =>
    `8 * sum by (host) (rate(node_network_${direction}_bytes_total{host=${quoted(host)},device!="lo"}${over(step)}))`,
  diskBytes: (host: string, direction: 'read' | 'written', step: number) =>
    `sum by (host) (rate(node_disk_${direction}_bytes_total{host=${quoted(host)}}${over(step)}))`,
  load: (host: string) => `node_load1{host=${quoted(host)}}`,
  containerCpu: (host: string, step: number) =>
    `sum by (name) (rate(container_cpu_usage_seconds_total{host=${quoted(host)}}${over(step)}))`,
  containerMemory: (host: string) => `max by (name) (container_memory_working_set_bytes{host=${quoted(host)}})`,
};
