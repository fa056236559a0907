/** The item at an index. Throws where there is none, so that a test fails where it looks. */
export function at<T>(items: ArrayLike<T>, index: number): T {
  if (!(index in items)) throw new RangeError(`no item ${index}: there are ${items.length}`);
  return items[index] as T;
}
