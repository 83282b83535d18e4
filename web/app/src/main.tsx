import { render } from "preact";
import { HomePage } from "./home";
import { InvitationPage } from "./invitationpage";
import { lazy } from "./lazy";
import { Message } from "./message";
import { RoomPage } from "./roompage";
import { route, startRouting } from "./route";
import { unknownPage } from "./words";

// Few people come here: what they need is loaded when they do.
const DoctorPage = lazy(() => import("./doctor").then((m) => m.DoctorPage));
const AdminPage = lazy(() => import("./admin").then((m) => m.AdminPage));
const SendPage = lazy(() => import("./transfer/sendpage").then((m) => m.SendPage));
const ReceivePage = lazy(() => import("./transfer/receivepage").then((m) => m.ReceivePage));

function App() {
  const r = route.value;
  switch (r.page) {
    case "home":
      return <HomePage />;
    case "invitation":
      return <InvitationPage key={r.id} id={r.id} />;
    case "room":
      return <RoomPage key={r.room} room={r.room} />;
    case "doctor":
      return <DoctorPage />;
    case "admin":
      return <AdminPage />;
    case "send":
      return <SendPage />;
    case "transfer":
      return <ReceivePage key={location.pathname + location.hash} />;
    case "unknown":
      return <Message words={unknownPage} />;
  }
}

startRouting();
const root = document.getElementById("app");
if (root) {
  root.replaceChildren(); // what is shown where this script cannot run
  render(<App />, root);
}
