// Spans of time as `jose` lets callers write them: "5 minutes", "2h".

/** How many seconds a unit has, by its first letter. */
const SECONDS: { readonly [unit: string]: number } = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, y: 31_557_600 };

const SPAN =
  /^(?<sign>[+-])? ?(?<number>\d+(?:\.\d+)?) ?(?<unit>s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?|y|yrs?|years?)(?<relative> ago| from now)?$/i;

/** How many seconds a span has, rounded; negative where it says so, `undefined` for what is no span. */
export function secondsOf(span: string): number | undefined {
  const parts = SPAN.exec(span)?.groups;
  if (parts === undefined) return undefined;
  const { sign, number = "", unit = "", relative } = parts;
  if (sign !== undefined && relative !== undefined) return undefined;
  const seconds = Math.round(Number(number) * (SECONDS[unit.charAt(0).toLowerCase()] ?? Number.NaN));
  const isPast = sign === "-" || relative?.toLowerCase() === " ago";
  return isPast ? -seconds : seconds;
}
