package client_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"switchyard/api"
	"switchyard/client"
)

// TestTransferCalls holds the requests against docs/transfer.md.
func TestTransferCalls(t *testing.T) {
	var asked []string
	mux := http.NewServeMux()
	answer := func(pattern, body string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			asked = append(asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+string(b))
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, body)
		})
	}
	answer("POST /sw/v1/transfers", `{"id":"ABC","url":"https://x/t/ABC","room":"transfer-1","identity":"sender","token":"tok","expires":"2026-01-02T03:04:05Z","receivers":2,"nameplate":7}`)
	answer("GET /sw/v1/transfers/ABC", `{"valid":false,"reason":"used-up","expires":"2026-01-02T03:04:05Z","left":0}`)
	answer("POST /sw/v1/transfers/ABC/code", `{"nameplate":9}`)
	answer("POST /sw/v1/transfers/ABC/accept", `{"token":"r","room":"transfer-1","identity":"r-1","role":"receiver"}`)
	answer("POST /sw/v1/codes/7/claim", `{"token":"c","room":"transfer-1","identity":"c-1","role":"guest"}`)
	answer("DELETE /sw/v1/transfers/ABC", ``)
	s := httptest.NewServer(mux)
	defer s.Close()

	ts := client.Transfers{Server: s.URL + "/sw/"}
	made, err := ts.Make(short(t), "", client.TransferOptions{Receivers: 2, ExpiresIn: time.Hour, Code: true})
	if err != nil || made.ID != "ABC" || made.Nameplate != 7 || made.Expires.IsZero() {
		t.Fatalf("%+v, %v", made, err)
	}
	if f, err := ts.Facts(short(t), "ABC"); err != nil || f.Valid || f.Reason != "used-up" {
		t.Errorf("%+v, %v", f, err)
	}
	if n, err := ts.NewCode(short(t), made); err != nil || n != 9 {
		t.Errorf("%d, %v", n, err)
	}
	if a, err := ts.Accept(short(t), "ABC", "Ann"); err != nil || a.Identity != "r-1" || a.Server != ts.Server {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := ts.Claim(short(t), "7", "Ann"); err != nil || a.Token != "c" {
		t.Errorf("%+v, %v", a, err)
	}
	if err := ts.Revoke(short(t), made); err != nil {
		t.Error(err)
	}
	want := []string{
		`POST /sw/v1/transfers  {"receivers":2,"expiresIn":3600,"code":true}`,
		`GET /sw/v1/transfers/ABC  `,
		`POST /sw/v1/transfers/ABC/code Bearer tok `,
		`POST /sw/v1/transfers/ABC/accept  {"name":"Ann"}`,
		`POST /sw/v1/codes/7/claim  {"name":"Ann"}`,
		`DELETE /sw/v1/transfers/ABC Bearer tok `,
	}
	if got := strings.Join(asked, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("asked:\n%s", got)
	}
}

func TestTransferRefusedSaysTheServersSentence(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/codes/") {
			http.Error(w, "<html>not ours</html>", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusGone)
		_ = json.NewEncoder(w).Encode(api.Problem{Title: "Gone", Status: 410, Code: "used-up", Detail: "The link was used. Ask for another."})
	}))
	defer s.Close()
	ts := client.Transfers{Server: s.URL}
	_, err := ts.Accept(short(t), "ABC", "Ann")
	p, ok := errors.AsType[*api.Problem](err)
	if !ok || p.Status != 410 || p.Code != "used-up" || err.Error() != "The link was used. Ask for another." {
		t.Errorf("%#v", err)
	}
	if _, err := ts.Claim(short(t), "7", "Ann"); !errors.Is(err, client.ErrNoServer) {
		t.Errorf("%v", err)
	}
}
