package admin

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"switchyard/api"
)

var (
	secret = []byte("a secret of the test")
	at     = time.Unix(1_763_850_000, 0)
)

func signed(t testing.TB) (header string, body []byte) {
	body, err := json.Marshal(api.Event{ID: "E1", Type: api.RoomOpened, Room: "r", At: at.UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	return api.Sign([][]byte{[]byte("the secret of before"), secret}, at.Unix(), body), body
}

func TestVerifyWebhook(t *testing.T) {
	header, body := signed(t)
	if e, err := VerifyWebhook(secret, header, body, at.Add(time.Minute), 0); err != nil || e.ID != "E1" || e.Room != "r" {
		t.Fatalf("%+v %v", e, err)
	}
	_, proof, _ := strings.Cut(header, ",")
	for name, c := range map[string]struct {
		secret, body []byte
		header       string
		after        time.Duration
		want         error
	}{
		"other secret": {[]byte("another"), body, header, 0, ErrSignature},
		"no secret":    {nil, body, header, 0, ErrSignature},
		"other body":   {secret, append(body, ' '), header, 0, ErrSignature},
		"other time":   {secret, body, "t=1763850001," + proof, 0, ErrSignature},
		"two times":    {secret, body, header + ",t=1", 0, ErrSignature},
		"no header":    {secret, body, "", 0, ErrSignature},
		"no proof":     {secret, body, "t=1763850000", 0, ErrSignature},
		"no hex":       {secret, body, "t=1763850000,v1=zz", 0, ErrSignature},
		"too old":      {secret, body, header, 6 * time.Minute, ErrTooOld},
		"of tomorrow":  {secret, body, header, -6 * time.Minute, ErrTooOld},
	} {
		if _, err := VerifyWebhook(c.secret, c.header, c.body, at.Add(c.after), 0); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	nothing := []byte(`{}`)
	if _, err := VerifyWebhook(secret, api.Sign([][]byte{secret}, at.Unix(), nothing), nothing, at, 0); !errors.Is(err, ErrEvent) {
		t.Error(err)
	}
}

// Nothing but the header that was made for a body verifies it.
func FuzzVerifyWebhook(f *testing.F) {
	header, body := signed(f)
	f.Add(header, body)
	f.Add("t=1763850000,v1=", body)
	f.Add("t=,v1=00,v2=,,=", []byte("{}"))
	f.Fuzz(func(t *testing.T, h string, b []byte) {
		_, err := VerifyWebhook(secret, h, b, at, 0)
		if err == nil && string(b) != string(body) {
			t.Fatalf("%q verified %q", h, b)
		}
	})
}
