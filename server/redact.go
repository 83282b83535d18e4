package server

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
)

// Nothing that opens a door stands in a log, at any level. The code that logs leaves secrets out by itself;
// this handler is the second lock, for what comes in errors and from libraries.

// redacted stands where a secret was.
const redacted = "[secret]"

// secrets are the shapes of what must not be logged, each with the part to keep in front of it.
var secrets = []struct{ shape, keep *regexp.Regexp }{
	// JSON Web Tokens: admission to a room.
	{shape: regexp.MustCompile(`eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*)?`)},
	// Invitations, sessions, keys of open rooms, locations of WHIP: crypto/rand.Text, in either case.
	{shape: regexp.MustCompile(`\b([A-Z2-7]{26}|[a-z2-7]{26})\b`)},
	// ICE credentials and media keys in SDP (RFC 8839 §5.4, RFC 4568).
	{shape: regexp.MustCompile(`(?i)ice-(ufrag|pwd):\S+`), keep: regexp.MustCompile(`(?i)^ice-(ufrag|pwd):`)},
	{shape: regexp.MustCompile(`(?i)inline:\S+`), keep: regexp.MustCompile(`(?i)^inline:`)},
	{shape: regexp.MustCompile(`(?i)\bufrag \S+`), keep: regexp.MustCompile(`(?i)^ufrag `)}, // of a candidate
	// What names itself, in a query, a header or JSON.
	{
		shape: regexp.MustCompile(`(?i)\b(access_token|token|credential|password|secret|session|pwd)("?\s*[=:]\s*"?)[^\s"&,;}]+`),
		keep:  regexp.MustCompile(`(?i)^[a-z_]+"?\s*[=:]\s*"?`),
	},
	{shape: regexp.MustCompile(`(?i)\bBearer\s+\S+`), keep: regexp.MustCompile(`(?i)^Bearer\s+`)},
	// Passwords in URLs.
	{shape: regexp.MustCompile(`://[^/\s:@]*:[^/\s@]+@`), keep: regexp.MustCompile(`^://`)},
}

// secretKeys are attributes whose value is never logged.
var secretKeys = map[string]bool{
	"token": true, "secret": true, "password": true, "pwd": true, "ufrag": true, "credential": true,
	"authorization": true, "invitation": true, "session": true, "key": true, "sdp": true, "offer": true, "answer": true,
}

// redact puts redacted in the place of what looks like a secret.
func redact(text string) string {
	for _, s := range secrets {
		text = s.shape.ReplaceAllStringFunc(text, func(found string) string {
			if s.keep == nil {
				return redacted
			}
			return s.keep.FindString(found) + redacted
		})
	}
	return text
}

// redactor is a handler that redacts before the one below it sees anything.
type redactor struct{ slog.Handler }

// Handle implements slog.Handler.
func (h redactor) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, redact(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(redactAttr(a))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

// WithAttrs implements slog.Handler.
func (h redactor) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = redactAttr(a)
	}
	return redactor{h.Handler.WithAttrs(clean)}
}

// WithGroup implements slog.Handler.
func (h redactor) WithGroup(name string) slog.Handler { return redactor{h.Handler.WithGroup(name)} }

func redactAttr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch {
	case secretKeys[strings.ToLower(a.Key)]:
		return slog.String(a.Key, redacted)
	case v.Kind() == slog.KindString:
		return slog.String(a.Key, redact(v.String()))
	case v.Kind() == slog.KindGroup:
		group := v.Group()
		clean := make([]any, len(group))
		for i, inner := range group {
			clean[i] = redactAttr(inner)
		}
		return slog.Group(a.Key, clean...)
	case v.Kind() == slog.KindAny:
		return redactAny(a.Key, v.Any())
	}
	return slog.Attr{Key: a.Key, Value: v}
}

// redactAny leaves a value as it is, unless its text holds a secret: then the text without it stands there.
func redactAny(key string, v any) slog.Attr {
	var text string
	switch v := v.(type) {
	case []byte: // a text handler prints it as text
		text = string(v)
	case error:
		text = v.Error()
	case fmt.Stringer:
		text = v.String()
	default:
		text = fmt.Sprintf("%+v", v)
	}
	if clean := redact(text); clean != text {
		return slog.String(key, clean)
	}
	return slog.Any(key, v)
}
