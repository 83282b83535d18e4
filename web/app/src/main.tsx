import { render } from "preact";
import { HomePage, InvitationPage, RoomPage } from "./pages";
import { route, startRouting } from "./route";

function App() {
  const r = route.value;
  switch (r.page) {
    case "home":
      return <HomePage />;
    case "invitation":
      return <InvitationPage key={r.id} id={r.id} />;
    case "room":
      return <RoomPage key={r.room} room={r.room} />;
  }
}

startRouting();
const root = document.getElementById("app");
if (root) render(<App />, root);
