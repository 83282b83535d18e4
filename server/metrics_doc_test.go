package server

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every metric that a running server has is explained, in its own words, and nothing that it does not have.
func TestDocumentedMetrics(t *testing.T) {
	data, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	s := run(t, *whole(t, t.TempDir()))
	admin := s.bearer("", "admin")
	s.call("GET", "/v1/admin/rooms", "", admin)
	s.call("POST", "/v1/invitations", `{"room":"demo"}`, admin)
	s.handOver(`{}`)
	_, _, body := s.call("GET", "/metrics", "")
	kinds, label, has := map[string]string{}, map[string]string{}, map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (switchyard_\S+) (\S+)$`).FindAllStringSubmatch(body, -1) {
		kinds[m[1]] = m[2]
	}
	for _, m := range regexp.MustCompile(`(?m)^(switchyard_[a-z0-9_]+)\{([^}]*)\}`).FindAllStringSubmatch(body, -1) {
		var names []string
		for _, l := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(m[2], -1) {
			names = append(names, l[1])
		}
		label[m[1]] = "{" + strings.Join(names, ",") + "}"
	}
	for _, m := range regexp.MustCompile(`(?m)^# HELP (switchyard_\S+) (.*)$`).FindAllStringSubmatch(body, -1) {
		row := "| `" + m[1] + label[m[1]] + "` | " + kinds[m[1]] + " | " + m[2] + " |\n"
		has[m[1]] = true
		if !strings.Contains(text, row) {
			t.Errorf("docs/metrics.md lacks %s", row)
		}
	}
	for _, m := range regexp.MustCompile("\\| `(switchyard_[a-z0-9_]+)").FindAllStringSubmatch(text, -1) {
		// Of open rooms there is one only after something happened to one.
		if !has[m[1]] && m[1] != "switchyard_open_rooms_total" {
			t.Errorf("docs/metrics.md has %s, which the server does not", m[1])
		}
	}
}
