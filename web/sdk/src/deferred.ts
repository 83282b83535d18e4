// A promise that is resolved from outside, and can begin anew.

export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Error): void;
  /** Makes a new promise if this one was resolved. */
  reset(): void;
}

export function deferred<T>(): Deferred<T> {
  let settled = false;
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  let promise!: Promise<T>;
  const make = () => {
    settled = false;
    promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
    promise.catch(() => {}); // nobody may be waiting
  };
  make();
  return {
    get promise() {
      return promise;
    },
    resolve: (value) => ((settled = true), resolve(value)),
    reject: (error) => {
      if (settled) make();
      settled = true;
      reject(error);
    },
    reset: () => {
      if (settled) make();
    },
  };
}
