import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Command, Option } from "commander";
import { nodeHost } from "./host.ts";
import { packageRoot, packageVersion } from "./version.ts";

export function register(program: Command): void {
  program
    .command("lsp")
    .description("speak the language server protocol with an editor")
    .option("--stdio", "over standard input and output, which is the only way there is")
    // Some editors say which process they are; the connection looks for it itself and ends when that process does.
    .addOption(new Option("--clientProcessId <id>").hideHelp())
    .action(async () => {
      // Large, and not for who only asks for help.
      const { startServer } = await import("../editor/server/server.ts");
      const pages = join(packageRoot(), "docs", "errors");
      startServer({
        disk: nodeHost(),
        version: packageVersion(),
        page: (code) => {
          const page = join(pages, `${code}.md`);
          return existsSync(page) ? pathToFileURL(page).href : undefined;
        },
        input: process.stdin,
        output: process.stdout,
      });
    });
}
