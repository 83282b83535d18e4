// The menu with what is done seldom; on a phone also with what has no room in the bar.
import { canShareScreen } from "../../sdk/src/index";
import type { Call } from "./call";
import { screenGroups } from "./controls";
import { deviceItems, moreCameras, speakerItems } from "./devicemenu";
import { camera, microphone } from "./devices";
import { Icon } from "./icons";
import { Menu, type MenuGroup, type MenuItem } from "./menu";
import { canPictureInPicture, openPictureInPicture, pipOpen } from "./pip";
import type { Layout } from "./tiles";
import { canFullscreen } from "./view";

export function MoreMenu({ call }: { call: Call }) {
  const groups = [...phone(call), layouts(call), { items: views(call) }, { items: rest(call) }];
  return (
    <Menu class="round" label="More" groups={groups}>
      <Icon name="more" />
    </Menu>
  );
}

const names: Record<Layout, string> = { auto: "Automatic", grid: "Grid", speaker: "Speaker" };

function layouts(call: Call): MenuGroup {
  const { layout } = call.view;
  const items = (Object.keys(names) as Layout[]).map((l) => ({
    label: names[l],
    checked: layout.value === l,
    run: () => (layout.value = l),
  }));
  return { heading: "Layout", items };
}

function views(call: Call): MenuItem[] {
  const items: MenuItem[] = [];
  const { view } = call;
  if (canFullscreen()) {
    const label = view.fullscreen.value ? "Leave full screen" : "Full screen";
    items.push({ label, icon: "full", shortcut: "F", run: () => void view.toggleFullscreen() });
  }
  if (canPictureInPicture()) {
    const label = pipOpen.value ? "Close the small window" : "Picture in picture";
    items.push({ label, icon: "pip", shortcut: "I", run: () => void openPictureInPicture(call) });
  }
  return items;
}

function rest(call: Call): MenuItem[] {
  const items: MenuItem[] = [{ label: "Participants", icon: "people", shortcut: "P", run: () => call.view.togglePeople() }];
  items.push({ label: "Connection", icon: "weak", shortcut: "N", run: () => call.view.toggleConnection() });
  items.push({ label: "Invite people", icon: "link", run: () => (call.view.inviting.value = true) });
  items.push({ label: "Keyboard shortcuts", icon: "help", shortcut: "?", run: () => (call.view.help.value = true) });
  return items;
}

function phone(call: Call): MenuGroup[] {
  if (!call.view.narrow.value) return [];
  const { sending } = call;
  const share: MenuItem = { label: "Share screen", icon: "screen", run: () => void sending.addScreen() };
  const can = sending.may("screen") && canShareScreen();
  const screens = sending.screens.length > 0 ? screenGroups(call) : [{ items: can ? [share] : [] }];
  return [
    ...screens,
    { heading: "Microphone", items: deviceItems(call, microphone, "audioinput") },
    { heading: "Speaker", items: speakerItems(call) },
    { heading: "Camera", items: [...deviceItems(call, camera, "videoinput"), ...moreCameras(call)] },
  ];
}
