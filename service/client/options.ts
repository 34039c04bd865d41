// Options of publishers and consumers, before anything is done with them.

import { CallError } from './call-error.ts'

/** What was given; an option that is undefined was not. */
export function given<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T
}

/** Options that must be above zero: a consumer without hands would wait for ever. @throws CallError INVALID_ARGUMENT */
export function checkNumbers(options: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value > 0) continue
    throw new CallError({ code: 'INVALID_ARGUMENT', sentence: `${name} is ${value}; it must be a number above 0.` })
  }
}
