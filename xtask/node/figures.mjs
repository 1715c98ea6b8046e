// What the measurements of revocations share: quantiles of durations, and tables of them.

/** Nobody is to wait for the rate limit here. */
export const PLENTY = { rate: { perSecond: 10_000, burst: 100_000 } };

/** @param {string} what */
export const say = (what) => console.error(`...  ${what}`);

/** @param {number[]} ms */
export function summary(ms) {
  const sorted = [...ms].sort((a, b) => a - b);
  /** @param {number} part */
  const quantile = (part) => round(sorted[Math.ceil(sorted.length * part) - 1] ?? 0);
  return { count: sorted.length, p50: quantile(0.5), p90: quantile(0.9), p99: quantile(0.99), max: quantile(1) };
}

/** @param {ReturnType<typeof summary>} summary */
export function cells({ count, p50, p90, p99, max }) {
  return [String(count), ...[p50, p90, p99, max].map((ms) => ms.toFixed(1))];
}

/**
 * @param {string[]} head
 * @param {string[][]} rows
 */
export function markdown(head, rows) {
  const widths = head.map((title, at) => Math.max(title.length, 3, ...rows.map((row) => row[at]?.length ?? 0)));
  /** @param {string[]} row */
  const line = (row) => {
    const padded = widths.map((width, at) => {
      const cell = row[at] ?? "";
      return at === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    console.log(`| ${padded.join(" | ")} |`);
  };
  line(head);
  line(widths.map((width, at) => (at === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)));
  for (const row of rows) line(row);
}

/** @param {number} ms */
export function round(ms) {
  return Math.round(ms * 10) / 10;
}
