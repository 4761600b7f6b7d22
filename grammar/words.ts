/** Words of the syntax that can name nothing. */
export const keywordNames: ReadonlySet<string> = new Set(["and", "or", "not", "if", "then", "else", "true", "false"]);

/** Words that begin a statement; they are names everywhere else. */
export const statementWords = ["recipe", "import", "param", "let", "require", "ctx"] as const;
