/** A name that is not what its beginning promised, or that is beyond our bounds. It stays as the linker knows it. */
export class MangledNameError extends Error {}
