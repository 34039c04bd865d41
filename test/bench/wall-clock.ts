// What time it is, to the microsecond: the machine's one wall clock, the same in every process of a run. Date.now() alone
// cuts off up to a millisecond, which is as much as there is to measure.

/** Epoch milliseconds, with a fraction. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now()
}

/** How far wallMs() has come away from the wall clock since the process began: some, when that was stepped meanwhile. */
export function clockStepMs(): number {
  const ahead = wallMs() - Date.now()
  return ahead < 0 ? ahead : Math.max(0, ahead - 1)
}
