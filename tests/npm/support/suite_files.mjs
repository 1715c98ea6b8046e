// The files of the suite, for those who take it to another runtime.

/** Beside this one. The first is the one to import. */
export const SUITE_FILES = ["suite.mjs", "lists_cases.mjs", "asserting.mjs"];
