// Which files of an offer one wants: a tree of folders with a tick at each line, kept as counts, so that thousands stay quick.
import { signal } from "@preact/signals";
import type { Entry } from "../../../sdk/src/transfer/disk";
import type { Offer } from "../../../sdk/src/transfer/shape";

const nothing: Node[] = []; // in a file

/** A file, or a folder with what is in it. There may be hundreds of thousands: plain fields. */
export class Node {
  readonly children: Node[];
  readonly depth: number;
  /** What can be ticked for itself at or below it: files, and folders without any. */
  leaves = 0;
  files: number;
  bytes: number;
  /** How much of these is ticked. */
  chosenLeaves = 0;
  chosenFiles = 0;
  chosenBytes = 0;
  open = false;

  constructor(
    readonly path: string,
    /** Where in the path its name begins. */
    readonly at: number,
    readonly folder: boolean,
    /** Its number in the offer. */
    readonly entry: number,
    readonly parent: Node | undefined,
    size: number,
  ) {
    this.children = folder ? [] : nothing;
    this.depth = parent ? parent.depth + 1 : 0;
    this.files = folder ? 0 : 1;
    this.bytes = size;
  }

  get name(): string {
    return this.path.slice(this.at);
  }
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
      const node = new Node(e.p, slash + 1, folder, entry, parent, e.s ?? 0);
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
    for (let i = this.#nodes.length - 1; i >= 0; i--) {
      const node = this.#nodes[i] as Node;
      if (node.children.length === 0) node.leaves = 1;
      const { parent } = node;
      tick(node, true);
      if (!parent) continue;
      parent.leaves += node.leaves;
      parent.files += node.files;
      parent.bytes += node.bytes;
    }
  }

  get files(): number {
    return sum(this.roots, (n) => n.files);
  }

  get chosenFiles(): number {
    return sum(this.roots, (n) => n.chosenFiles);
  }

  get chosenBytes(): number {
    return sum(this.roots, (n) => n.chosenBytes);
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
      const { chosenLeaves, chosenFiles, chosenBytes } = node;
      put(node, on);
      for (let up = node.parent; up; up = up.parent) {
        up.chosenLeaves += node.chosenLeaves - chosenLeaves;
        up.chosenFiles += node.chosenFiles - chosenFiles;
        up.chosenBytes += node.chosenBytes - chosenBytes;
      }
    }
    this.turn.value++;
  }

  /** Numbers of the entries that are not wanted, ascending. */
  skip(): number[] {
    return this.#nodes.filter((n) => n.chosenLeaves === 0).map((n) => n.entry);
  }

  /** Chooses as before. */
  adopt(skip: readonly number[]): void {
    const unwanted = new Set(skip);
    this.set(this.#nodes.filter((n) => n.children.length === 0 && unwanted.has(n.entry)), false);
  }
}

export function tickOf(nodes: readonly Node[]): Tick {
  const chosen = sum(nodes, (n) => n.chosenLeaves);
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
  tick(node, on);
  for (const child of node.children) put(child, on);
}

function tick(node: Node, on: boolean): void {
  node.chosenLeaves = on ? node.leaves : 0;
  node.chosenFiles = on ? node.files : 0;
  node.chosenBytes = on ? node.bytes : 0;
}

function sum(nodes: readonly Node[], of: (n: Node) => number): number {
  return nodes.reduce((n, node) => n + of(node), 0);
}
