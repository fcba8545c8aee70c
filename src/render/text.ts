import {renderCgoText} from './cgo-text.ts'
import type {Format} from './format.ts'
import {renderGoText} from './go-text.ts'
import {renderGoroutinesText} from './goroutines-text.ts'
import {renderInfoText} from './info-text.ts'
import {renderThreadsText} from './threads-text.ts'

/** For people: each command has a text of its own, with the frames as Go prints them. */
export const text: Format = {
  diagnostics: 'beside',
  waits: 'left-out',
  renderers: {
    analyze: (report, {style}) => renderGoText(report, style),
    cgo: (answer, {style}) => renderCgoText(answer, style),
    goroutines: (report, {style}) => renderGoroutinesText(report, style),
    info: (report, {style}) => renderInfoText(report, style),
    threads: (report, {style, registers}) => renderThreadsText(report, style, registers),
  },
}
