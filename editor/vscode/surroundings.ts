import { dirname } from "node:path";
import * as vscode from "vscode";
import { bundledCtx, findCtx, type Program } from "./find_ctx.ts";

/** The ctx for a recipe. Folders that are not trusted have no say in which program is started. */
export function programFor(context: vscode.ExtensionContext, recipe: vscode.Uri | undefined): Program {
  const extension = context.extensionUri.fsPath;
  if (!vscode.workspace.isTrusted) return bundledCtx(extension);
  const own = recipe && vscode.workspace.getWorkspaceFolder(recipe);
  const folders = [...(own ? [own] : []), ...(vscode.workspace.workspaceFolders ?? [])].map(({ uri }) => uri.fsPath);
  const path = vscode.workspace.getConfiguration("ctx", recipe).get<string>("path", "").trim();
  return findCtx({ path, folders, searched: process.env.PATH ?? "", extension });
}

/** The folder that a recipe's program is started in, and what the recipe is called from there. */
export function placeOf(recipe: vscode.Uri): { folder: string; file: string } {
  const own = vscode.workspace.getWorkspaceFolder(recipe);
  return own
    ? { folder: own.uri.fsPath, file: vscode.workspace.asRelativePath(recipe, false) }
    : { folder: dirname(recipe.fsPath), file: recipe.fsPath };
}

/** The recipe of the active editor on the disk as it is shown, else undefined, after saying what is missing. */
export async function savedRecipe(given?: unknown): Promise<vscode.Uri | undefined> {
  const active = vscode.window.activeTextEditor?.document;
  const document =
    given instanceof vscode.Uri
      ? await vscode.workspace.openTextDocument(given)
      : active?.languageId === "ctx"
        ? active
        : undefined;
  if (!document) {
    void vscode.window.showInformationMessage("Open a recipe (a .ctx file) first.");
    return undefined;
  }
  if (document.isUntitled || document.isDirty) await document.save();
  // Whoever gives the new file no name, or whose file can't be written, has been told by the editor.
  if (document.isUntitled || document.isDirty) return undefined;
  return document.uri;
}
