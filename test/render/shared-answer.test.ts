import test from 'ava'
import {inTurns, shareAnswer} from '../../src/render/shared-answer.ts'

/** As a report is: a list that is made once, in a class with private parts. */
class Answer {
  made = 0
  #end = 0

  get goroutines(): Iterable<number> {
    return this.#make()
  }

  *#make(): Generator<number> {
    for (let id = 1; id <= 1000; id++) {
      this.made++
      yield id
    }
    this.#end = this.made
  }

  tail(): number {
    return this.#end
  }
}

function* render(answer: Answer, name: string, step = 1): Generator<string> {
  yield `${name} begins`
  let index = 0
  for (const id of answer.goroutines) if (index++ % step === 0) yield `${name} ${id}`
  yield `${name} ends ${answer.tail()}`
}

for (const [readers, step] of [
  [1, 1],
  [2, 1],
  [3, 7],
] as const) {
  test(`${readers} renderers read one list, of which each item is made once`, t => {
    const answer = new Answer()
    const shared = shareAnswer(answer, readers)
    const names = Array.from({length: readers}, (_, index) => `${index}`)
    const got: string[][] = names.map(() => [])
    let ahead = 0
    for (const {index, piece} of inTurns(names.map(name => render(shared, name, step)))) {
      got[index]?.push(piece)
      ahead = Math.max(ahead, answer.made - Math.min(...got.map(pieces => (pieces.length - 1) * step)))
    }
    t.deepEqual(
      got,
      names.map(name => [...render(new Answer(), name, step)]),
    )
    t.is(answer.made, 1000)
    t.true(ahead <= 3 * step, `${ahead} items ahead`)
  })
}
