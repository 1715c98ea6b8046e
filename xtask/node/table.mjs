// Prints rows as they come, as an aligned table.

/**
 * Prints a table's head and gives the function that prints a row.
 * @param {{ title: string, width: number, right?: boolean }[]} columns
 * @returns {(cells: string[]) => void}
 */
export function table(columns) {
  /** @param {string[]} cells */
  const row = (cells) => {
    const padded = columns.map(({ width, right }, at) => {
      const cell = cells[at] ?? "";
      return right ? cell.padStart(width) : cell.padEnd(width);
    });
    console.log(padded.join("  ").trimEnd());
  };
  row(columns.map(({ title }) => title));
  row(columns.map(({ width }) => "-".repeat(width)));
  return row;
}
