import type {GoroutineList, GoroutineReport, RenderedGoroutine} from '../report/core-report.ts'

/** Each goroutine with its text, which the list may know of those that are alike. */
export function rendered(
  goroutines: GoroutineList,
  render: (goroutine: GoroutineReport) => string,
): Iterable<Pick<RenderedGoroutine, 'goroutine' | 'text'>> {
  return goroutines.rendered?.(render) ?? renderEach(goroutines, render)
}

function* renderEach(
  goroutines: Iterable<GoroutineReport>,
  render: (goroutine: GoroutineReport) => string,
): Generator<Pick<RenderedGoroutine, 'goroutine' | 'text'>> {
  for (const goroutine of goroutines) yield {goroutine, text: render(goroutine)}
}
