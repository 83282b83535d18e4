// A menu that opens from a button: arrow keys move, Escape closes, the focus goes back.
import type { ComponentChildren } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./icons";

export interface MenuItem {
  label: string;
  icon?: IconName;
  /** One of a choice, chosen or not. */
  checked?: boolean;
  danger?: boolean;
  disabled?: boolean;
  shortcut?: string;
  run(): void;
}

/** Items under a heading, which may be empty. */
export interface MenuGroup {
  heading?: string;
  items: MenuItem[];
}

interface Props {
  label: string;
  /** What the button looks like. */
  children: ComponentChildren;
  class?: string;
  groups: MenuGroup[];
}

const edge = 8; // px between a menu, its button and the window's edge

export function Menu({ label, children, class: className, groups }: Props) {
  const { button, list, open, before, toggled } = useList();
  const filled = groups.filter((g) => g.items.length > 0);
  const id = useId();
  const target = { popovertarget: id }; // the browser's own toggle: a click on the button closes, too
  return (
    <>
      <button
        ref={button}
        type="button"
        class={className}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={open}
        onClick={(e) => e.stopPropagation()}
        {...target}
      >
        {children}
      </button>
      <div
        ref={list}
        id={id}
        class="menu"
        popover="auto"
        role="menu"
        aria-label={label}
        onBeforeToggle={before}
        onToggle={toggled}
        onKeyDown={move}
        onDblClick={(e) => e.stopPropagation()}
      >
        {open && filled.map((group, i) => <Group key={group.heading ?? i} group={group} close={() => list.current?.hidePopover()} />)}
      </div>
    </>
  );
}

/** The button, its list, and whether that is open. It has items only while it is. */
function useList() {
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);
  const before = (e: Event) => {
    if ((e as ToggleEvent).newState !== "open" || !list.current) return;
    setOpen(true);
    list.current.style.visibility = "hidden"; // until it has its items and its place
  };
  const toggled = (e: Event) => {
    // Not before: the browser gives the focus back only from an item that is still there.
    if ((e as ToggleEvent).newState !== "open") return setOpen(false);
    if (!list.current || !button.current) return;
    place(list.current, button.current);
    buttonsOf(list.current)[0]?.focus();
  };
  return { button, list, open, before, toggled };
}

function Group({ group, close }: { group: MenuGroup; close(): void }) {
  return (
    <div role="group" aria-label={group.heading}>
      {group.heading && <p class="menu-heading">{group.heading}</p>}
      {group.items.map((item) => (
        <Item key={item.label} item={item} close={close} />
      ))}
    </div>
  );
}

function Item({ item, close }: { item: MenuItem; close(): void }) {
  const choice = item.checked !== undefined;
  return (
    <button
      type="button"
      class={item.danger ? "menu-item danger" : "menu-item"}
      role={choice ? "menuitemradio" : "menuitem"}
      aria-checked={item.checked}
      disabled={item.disabled}
      tabIndex={-1}
      onClick={(e) => {
        e.stopPropagation();
        close();
        item.run();
      }}
    >
      <span class="menu-mark">{choice ? item.checked && <Icon name="check" size={18} /> : item.icon && <Icon name={item.icon} size={18} />}</span>
      <span class="menu-label">{item.label}</span>
      {item.shortcut && <kbd aria-hidden="true">{item.shortcut}</kbd>}
    </button>
  );
}

function buttonsOf(list: HTMLElement): HTMLButtonElement[] {
  return [...list.querySelectorAll("button")].filter((b) => !b.disabled);
}

function move(e: KeyboardEvent): void {
  const list = e.currentTarget as HTMLElement;
  const all = buttonsOf(list);
  const at = all.indexOf(document.activeElement as HTMLButtonElement);
  const to = { ArrowDown: (at + 1) % all.length, ArrowUp: (at - 1 + all.length) % all.length, Home: 0, End: all.length - 1 }[e.key];
  if (e.key === "Tab") list.hidePopover();
  if (to === undefined) return e.stopPropagation(); // letters are no shortcuts here
  e.preventDefault();
  e.stopPropagation();
  all[to]?.focus();
}

/** Above the button where there is room, else below; on a phone the style sheet puts it at the bottom. */
function place(list: HTMLElement, button: HTMLElement): void {
  const from = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = list;
  const above = from.top - edge - height;
  const top = above >= edge ? above : Math.min(from.bottom + edge, innerHeight - edge - height);
  const left = Math.min(Math.max(edge, from.left + from.width / 2 - width / 2), innerWidth - edge - width);
  list.style.top = `${Math.max(edge, top)}px`;
  list.style.left = `${left}px`;
  list.style.visibility = "";
}
