// The page for whoever runs the server.

export function AdminPage() {
  return (
    <main class="page">
      <div class="card">
        <h1>Administration</h1>
        <p class="quiet">
          The rooms and links of this server are told by <code>switchyard status</code>, and by{" "}
          <code>GET /v1/admin/rooms</code> with a token of <code>switchyard token --admin</code>.
        </p>
      </div>
    </main>
  );
}
