import type {RulesText} from './rules.ts'

/** Part of each signature: signatures compare where it is the same. To be raised with every change of an answer. */
export const SIGNATURE_VERSION = '6'

/**
 * The rules that everyone has, in the words of a rules file (docs/json-schema.md). What ends a process and what crosses
 * from Go into C is told by `frames/irrelevant-frames.ts`, for the rest of the report needs that too.
 */
export const DEFAULT_RULES: RulesText = {
  name: 'default rules',
  text: String.raw`
[inside module: library of the system]
^lib(?:c|m|pthread|dl|rt|resolv|util|nsl|anl|BrokenLocale|thread_db|mvec)[-.][\d.]*so(?:\.[\d.]*)?$
^lib(?:c|m|pthread|dl|rt|resolv|util|nsl|anl|mvec)\.so(?:\.[\d.]*)?$
^libc\.musl-|^ld-musl-
^ld-linux|^ld-\d|^ld\.so
^lib(?:stdc\+\+|supc\+\+|c\+\+|c\+\+abi|gcc_s|unwind)[-.\d]*\.so
^lib(?:asan|tsan|ubsan|lsan|msan|hwasan)[-.\d]*\.so
^\[vdso\]$|^linux-vdso

[inside c: library of C++ or Rust]
^(?:std|core|alloc|__gnu_cxx|__cxxabiv1|hashbrown)::
^<(?:std|core|alloc|&?(?:dyn )?(?:std|core|alloc))[:\w< ]
^<[^:]+ as (?:std|core|alloc)::

[inside go: standard library]
^(?:archive|bufio|bytes|cmp|compress|container|context|crypto|database|debug|embed|encoding|errors|expvar|flag|fmt|go|hash|html|image|index|internal|io|iter|log|maps|math|mime|net|os|path|plugin|reflect|regexp|slices|sort|strconv|strings|structs|sync|syscall|testing|text|time|unicode|unique|vendor|weak)(?:/[\w./-]+)?\.[(\w]

[irrelevant go: made by the compiler]
\.(?:gowrap|deferwrap)\d+(?:$|[.-])
\u00b7dwrap\u00b7\d+$
^(?:type|go):?\.\.?(?:eq|hash)\.

[irrelevant c: made by the compiler]
^_GLOBAL__(?:sub_)?[ID]_|^__static_initialization_and_destruction_

[irrelevant c: part of runtime/cgo]
^_?x_cgo_|^_cgo_|^crosscall|^threadentry$|^fatalf$
^runtime\.(?:asmcgocall|cgocall|systemstack)

[last go: a thread is started for whoever comes along]
^runtime\.(?:newm|newm1|startTemplateThread)$

[last go: memory is collected for whoever comes along]
^runtime\.(?:gcAssistAlloc|gcAssistAlloc1|gcStart|gcBgMarkWorker|bgsweep|bgscavenge|deductSweepCredit)$

[fold c: variant for a processor]
^_*(\w+?)(?:_(?:sse2|sse2_slow|sse2_bsf|sse2_no_bsf|sse2_pminub|sse4_1|sse4_2|sse42|ssse3|ssse3_back|avx|avx2|avx2_rtm|avx512|evex|evex256|evex512|erms|unaligned|no_vzeroupper|fma|fma4|bmi2|movbe|rtm|sse2_unaligned))+$ => $1

[fold c: alias of the C library]
^__GI_ =>
^__libc_(malloc|calloc|realloc|free|memalign|valloc|pvalloc|mallopt)$ => $1
^cfree$ => free
^_IO_(puts|fputs|fgets|gets|printf|fprintf|sprintf|vfprintf|vsprintf|fopen|fclose|fread|fwrite|fflush|getc|putc|ungetc|ftell|fseek)$ => $1
^_*(\w+)_chk$ => $1
^__isoc(?:99|23)_(\w+)$ => $1
^_{2,4}interceptor_(?:trampoline_)?(\w+)$ => $1
^(?:memmove|mempcpy)$ => memcpy

[fold c: namespace of an ABI]
\bstd::(?:__1|__cxx11|__ndk1|_V2)::(?:__cxx11::)? => std::

[fold go: plugin without a name]
^plugin/unnamed-[0-9a-f]+\. => main.
`,
}
