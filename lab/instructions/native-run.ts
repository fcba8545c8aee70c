import {execFileSync} from 'node:child_process'
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import type {InstructionForm} from './forms.ts'
import {SCRATCH, STATE, stateBefore} from './state.ts'

/** What the processor of this machine did with each form. */
export interface NativeResult {
  readonly form: InstructionForm
  readonly code: Uint8Array
  readonly after: readonly Uint8Array[]
}

const CODE_MAX = 32

/** Which features this processor has. */
export function featuresHere(): readonly InstructionForm['feature'][] {
  const [line = ''] = /^flags\s*:.*$/m.exec(readFileSync('/proc/cpuinfo', 'utf8')) ?? []
  const has = (name: string) => line.split(' ').includes(name)
  const isNew = has('avx512bw') && has('avx512vl') && has('avx512dq')
  return [
    'base',
    ...(has('avx2') && has('bmi2') && has('adx') ? (['avx2'] as const) : []),
    ...(isNew ? (['avx512'] as const) : []),
  ]
}

/** Assembles the forms with gcc, and runs each from so many states. */
export function runNative(directory: string, forms: readonly InstructionForm[], count: number): NativeResult[] {
  mkdirSync(directory, {recursive: true})
  const features = featuresHere()
  const width = features.includes('avx512') ? 64 : features.includes('avx2') ? 32 : 16
  writeFileSync(join(directory, 'forms.S'), assembly(forms, width))
  writeFileSync(join(directory, 'driver.c'), driver(forms.length, count))
  const states = forms.flatMap(form => Array.from({length: count}, (_, index) => stateBefore(form, index)))
  writeFileSync(join(directory, 'before'), Buffer.concat(states))
  execFileSync('gcc', ['-O1', '-o', 'driver', 'driver.c', 'forms.S'], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  execFileSync('./driver', {cwd: directory})
  const [after, code] = [readFileSync(join(directory, 'after')), readFileSync(join(directory, 'code'))]
  return forms.map((form, index) => {
    const slot = code.subarray(index * (CODE_MAX + 1))
    return {
      form,
      code: slot.subarray(1, 1 + (slot[0] as number)),
      after: Array.from({length: count}, (_, at) => {
        const start = (index * count + at) * STATE.size
        return after.subarray(start, start + STATE.size)
      }),
    }
  })
}

const REGISTERS = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
]

function assembly(forms: readonly InstructionForm[], width: 16 | 32 | 64): string {
  const move = {16: 'movdqu xmm', 32: 'vmovdqu ymm', 64: 'vmovdqu64 zmm'}[width]
  const [name, kind] = move.split(' ') as [string, string]
  const vectors = [0, 1, 2, 3]
  const loads = vectors.map(each => `${name} ${kind}${each}, [rdi+${STATE.vectors + each * 64}]`)
  const stores = vectors.map(each => `${name} [rdi+${STATE.vectors + each * 64}], ${kind}${each}`)
  const masks = width === 64 ? [0, 1, 2, 3, 4, 5, 6, 7] : []
  const plain = REGISTERS.map((register, index) => ({register, at: index * 8})).filter(
    ({register}) => register !== 'rsp' && register !== 'rdi',
  )
  return `.intel_syntax noprefix
.section .note.GNU-stack,"",@progbits
.bss
state: .quad 0
target: .quad 0
kept: .quad 0
.text
.globl run_form
run_form:
push rbx; push rbp; push r12; push r13; push r14; push r15
mov [rip+state], rdi
mov [rip+target], rsi
${loads.join('\n')}
${masks.map(each => `kmovq k${each}, [rdi+${STATE.masks + each * 8}]`).join('\n')}
push qword ptr [rdi+${STATE.flags}]
popfq
${plain.map(({register, at}) => `mov ${register}, [rdi+${at}]`).join('\n')}
mov rdi, [rdi+56]
call [rip+target]
mov [rip+kept], rdi
mov rdi, [rip+state]
${plain.map(({register, at}) => `mov [rdi+${at}], ${register}`).join('\n')}
pushfq
pop qword ptr [rdi+${STATE.flags}]
cld
mov rax, [rip+kept]
mov [rdi+56], rax
${stores.join('\n')}
${masks.map(each => `kmovq [rdi+${STATE.masks + each * 8}], k${each}`).join('\n')}
${width > 16 ? 'vzeroupper' : ''}
pop r15; pop r14; pop r13; pop r12; pop rbp; pop rbx
ret
${forms.map(({text}, index) => `f${index}: ${text}\ne${index}: ret`).join('\n')}
.data
.globl form_table
form_table:
${forms.map((_, index) => `.quad f${index}, e${index}`).join('\n')}
`
}

function driver(forms: number, count: number): string {
  return `#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
extern unsigned char *form_table[];
void run_form(unsigned char *state, void *code);
int main(void) {
  unsigned char *scratch = mmap((void *)${SCRATCH.start}, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  FILE *before = fopen("before", "rb"), *after = fopen("after", "wb"), *code = fopen("code", "wb");
  static unsigned char state[${STATE.size}] __attribute__((aligned(64)));
  for (int form = 0; form < ${forms}; form++) {
    unsigned char *start = form_table[form * 2], length = form_table[form * 2 + 1] - start, slot[${CODE_MAX + 1}] = {length};
    memcpy(slot + 1, start, length);
    fwrite(slot, sizeof slot, 1, code);
    for (int at = 0; at < ${count}; at++) {
      if (fread(state, sizeof state, 1, before) != 1) return 1;
      memcpy(scratch, state + ${STATE.memory}, ${SCRATCH.size});
      run_form(state, start);
      memcpy(state + ${STATE.memory}, scratch, ${SCRATCH.size});
      fwrite(state, sizeof state, 1, after);
    }
  }
  return fclose(after) | fclose(code) | (scratch == MAP_FAILED);
}
`
}
