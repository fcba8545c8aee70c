/**
 * The answer to a question about a dead process that has three answers: what was found; null, it is known that there is
 * none; undefined, nothing tells. In a report null alone stands for the last two, and a field beside it tells them
 * apart where that matters (docs/json-schema.md).
 */
export type Finding<T> = T | null | undefined
