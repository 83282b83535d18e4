// Which files of an offer one wants: a tree of folders with a tick at each line, kept as counts, so that thousands stay quick.
import { signal } from "@preact/signals";
import type { Entry } from "../../../sdk/src/transfer/disk";
import type { Offer } from "../../../sdk/src/transfer/shape";

/** A file, or a folder with what is in it. */
export interface Node {
  readonly name: string;
  readonly path: string;
  readonly folder: boolean;
  /** Its number in the offer. */
  readonly entry: number;
  readonly depth: number;
  readonly parent: Node | undefined;
  readonly children: Node[];
  /** What can be ticked for itself at or below it: files, and folders without any. */
  leaves: number;
  files: number;
  bytes: number;
  chosen: { leaves: number; files: number; bytes: number };
  open: boolean;
}

export type Tick = "all" | "some" | "none";

export class Choice {
  /** Counts the changes: what reads it is shown anew. */
  readonly turn = signal(0);
  readonly roots: Node[] = [];
  readonly #nodes: Node[] = []; // in the order of the offer
  #found: { search: string; nodes: Node[] } = { search: "", nodes: [] };

  constructor(entries: readonly Entry[]) {
    const folders = new Map<string, Node>();
    entries.forEach((e, entry) => {
      if (e.k === "l") return; // browsers keep none
      const slash = e.p.lastIndexOf("/");
      const parent = slash < 0 ? undefined : folders.get(e.p.slice(0, slash));
      const folder = e.k === "d";
      const node: Node = {
        ...{ name: e.p.slice(slash + 1), path: e.p, folder, entry, depth: parent ? parent.depth + 1 : 0, parent, children: [] },
        ...{ leaves: 0, files: folder ? 0 : 1, bytes: e.s ?? 0, chosen: { leaves: 0, files: 0, bytes: 0 }, open: false },
      };
      if (folder) folders.set(e.p, node);
      this.#nodes.push(node);
      (parent?.children ?? this.roots).push(node);
    });
    this.#count();
    sort(this.roots);
    const [only] = this.roots;
    if (only && this.roots.length === 1) this.toggle(only);
  }

  /** Sums are made from below: what is in a folder comes behind it. */
  #count(): void {
    for (const node of [...this.#nodes].reverse()) {
      if (node.children.length === 0) node.leaves = 1;
      node.chosen = { leaves: node.leaves, files: node.files, bytes: node.bytes };
      if (!node.parent) continue;
      node.parent.leaves += node.leaves;
      node.parent.files += node.files;
      node.parent.bytes += node.bytes;
    }
  }

  get files(): number {
    return sum(this.roots, (n) => n.files);
  }

  get chosenFiles(): number {
    return sum(this.roots, (n) => n.chosen.files);
  }

  get chosenBytes(): number {
    return sum(this.roots, (n) => n.chosen.bytes);
  }

  /** Nothing is left to receive, not even an empty folder. */
  get none(): boolean {
    return tickOf(this.roots) === "none";
  }

  /** The lines that one sees: below open folders, or all files whose path has the words. */
  rows(search: string): readonly Node[] {
    const words = search.trim().toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length === 0) return open(this.roots, []);
    const key = words.join(" ");
    if (this.#found.search !== key) {
      const fits = (n: Node) => n.children.length === 0 && words.every((w) => n.path.toLowerCase().includes(w));
      this.#found = { search: key, nodes: this.#nodes.filter(fits) };
    }
    return this.#found.nodes;
  }

  toggle(node: Node): void {
    node.open = !node.open;
    if (node.open) sort(node.children);
    this.turn.value++;
  }

  /** Ticks these with all that is in them, or takes the ticks away. */
  set(nodes: readonly Node[], on: boolean): void {
    for (const node of nodes) {
      const before = node.chosen;
      put(node, on);
      for (let up = node.parent; up; up = up.parent) {
        up.chosen.leaves += node.chosen.leaves - before.leaves;
        up.chosen.files += node.chosen.files - before.files;
        up.chosen.bytes += node.chosen.bytes - before.bytes;
      }
    }
    this.turn.value++;
  }

  /** Numbers of the entries that are not wanted, ascending. */
  skip(): number[] {
    return this.#nodes.filter((n) => n.chosen.leaves === 0).map((n) => n.entry);
  }

  /** Chooses as before. */
  adopt(skip: readonly number[]): void {
    const unwanted = new Set(skip);
    this.set(this.#nodes.filter((n) => n.children.length === 0 && unwanted.has(n.entry)), false);
  }
}

export function tickOf(nodes: readonly Node[]): Tick {
  const chosen = sum(nodes, (n) => n.chosen.leaves);
  if (chosen === 0) return "none";
  return chosen === sum(nodes, (n) => n.leaves) ? "all" : "some";
}

/** What tells whether an offer is the one in which was chosen before: its link is the same, but its sender may have begun anew. */
export function offerMark(offer: Offer): string {
  return `${offer.entries.length} ${offer.files} ${offer.bytes}`;
}

function open(nodes: readonly Node[], into: Node[]): Node[] {
  for (const n of nodes) {
    into.push(n);
    if (n.open) open(n.children, into);
  }
  return into;
}

const alphabet = new Intl.Collator(undefined, { numeric: true });
const mostSorted = 5000; // with care for languages and numbers; more take seconds

/** Folders first, then by name: senders list as their disks do. */
function sort(nodes: Node[]): void {
  const plain = (a: string, b: string) => (a < b ? -1 : 1); // no two are the same
  const compare = nodes.length > mostSorted ? plain : alphabet.compare;
  nodes.sort((a, b) => Number(b.folder) - Number(a.folder) || compare(a.name, b.name));
}

function put(node: Node, on: boolean): void {
  const { leaves, files, bytes } = node;
  node.chosen = on ? { leaves, files, bytes } : { leaves: 0, files: 0, bytes: 0 };
  for (const child of node.children) put(child, on);
}

function sum(nodes: readonly Node[], of: (n: Node) => number): number {
  return nodes.reduce((n, node) => n + of(node), 0);
}
