/** The sum of the samples of that name, whatever their labels. */
export function metricIn(exposition: string, name: string): number {
  return exposition.split("\n")
    .filter((line) => line.startsWith(name) && /^[{ ]/.test(line.slice(name.length)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
