/**
 * Does the work of each item, in their order, with the first worker that is free. When one fails no other begins; what has begun is
 * waited for.
 *
 * @throws what the first that failed threw
 */
export async function sideBySide<Item, Worker>(
  items: Iterable<Item>,
  workers: readonly Worker[],
  work: (item: Item, worker: Worker) => Promise<void>,
): Promise<void> {
  const left = items[Symbol.iterator]();
  let failure: { readonly error: unknown } | undefined;
  const lane = async (worker: Worker) => {
    for (let next = left.next(); !next.done && !failure; next = left.next()) {
      try {
        await work(next.value, worker);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(workers.map(lane));
  if (failure) throw failure.error;
}
