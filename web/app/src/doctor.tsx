// The page that says whether calls will work from here.

export function DoctorPage() {
  const secure = window.isSecureContext;
  return (
    <main class="page">
      <div class="card">
        <h1>Connection check</h1>
        <p class="quiet">
          {secure
            ? "This page is secure: the browser may give it camera and microphone."
            : "This page came by plain HTTP: the browser gives it neither camera nor microphone. Open it by https://."}
        </p>
      </div>
    </main>
  );
}
