package server

import (
	"errors"
	"net/netip"
	"os"
	"testing"
	"time"

	"switchyard/engine/auth"
)

// wall is a time as after a jump of the clock: without the monotonic reading, which does not jump.
func wall(t time.Time) time.Time { return t.Round(0) }

func TestTokensWhenTheClockJumps(t *testing.T) {
	s := run(t, Config{JWKS: ""})
	now := wall(time.Now())
	token, err := auth.Mint(s.key, auth.Claims{Room: "r", Identity: "ann", Expires: now.Add(12 * time.Hour)}, now)
	if err != nil {
		t.Fatal(err)
	}
	for jump, want := range map[time.Duration]error{
		-50 * time.Second: nil, // clocks differ by as much
		-time.Hour:        auth.ErrNotYetValid,
		11 * time.Hour:    nil,
		13 * time.Hour:    auth.ErrExpired,
	} {
		claims, err := s.keys.verify(token, now.Add(jump))
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%v: %v, want %v", jump, err, want)
		}
		if claims.Identity != "ann" && errors.Is(err, auth.ErrExpired) {
			t.Errorf("%v: an expired token must still resume its session", jump)
		}
	}
}

func TestInvitationsWhenTheClockJumps(t *testing.T) {
	s := run(t, Config{})
	now := wall(time.Now())
	inv, err := s.invitations.create(t.Context(), "r", "guest", -1, time.Hour, now)
	if err != nil {
		t.Fatal(err)
	}
	for jump, want := range map[time.Duration]error{-24 * time.Hour: nil, 59 * time.Minute: nil, 2 * time.Hour: errExpired} {
		if err := inv.state(now.Add(jump)); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%v: %v, want %v", jump, err, want)
		}
	}
}

func TestLimitsWhenTheClockJumps(t *testing.T) {
	l, a, now := newLimiter(1, 3), netip.MustParseAddr("203.0.113.9"), wall(time.Now())
	for range 2 {
		l.take(a, 1, now)
	}
	now = now.Add(-24 * time.Hour)
	if !l.take(a, 1, now) {
		t.Error("a clock set back took what was left")
	}
	if l.take(a, 1, now) {
		t.Error("a clock set back gave more than there was")
	}
	if !l.take(a, 1, now.Add(time.Second)) {
		t.Error("after a clock set back nothing comes back")
	}
	now = now.Add(1000 * time.Hour)
	n := 0
	for l.take(a, 1, now) {
		n++
	}
	if n != 3 {
		t.Errorf("a clock set forward gave %d at once", n)
	}
}

func TestOwnCertificateFollowsTheClock(t *testing.T) {
	dir, now := t.TempDir(), wall(time.Now())
	c := &ownCertificate{dir: dir}
	at := func(now time.Time) (serial string) {
		t.Helper()
		cert, err := c.at(now)
		if err != nil {
			t.Fatal(err)
		}
		return cert.Leaf.SerialNumber.String()
	}
	first := at(now)
	if at(now.Add(300*24*time.Hour)) != first {
		t.Error("renewed too early")
	}
	second := at(now.Add(380 * 24 * time.Hour))
	if second == first {
		t.Error("not renewed before it ends")
	}
	// The clock was wrong and is set right: what is valid only in a year is of no use.
	third := at(now)
	if third == second {
		t.Error("a certificate of the future is shown")
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	c.dir = dir + "/not/there"
	if at(now.Add(380*24*time.Hour)) != third {
		t.Error("where it cannot be kept the old one is better than none")
	}
}
