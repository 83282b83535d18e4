package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/netip"
	"time"

	"switchyard/store"
)

// openRoom is a room that somebody started from the home page, without an account or invitation. Whoever
// knows its name may enter as a guest where the server is open to them; who has its key is its host.
type openRoom struct {
	Room string `json:"room"`
	// Key is the SHA-256 of the key, so that the store gives nobody the room.
	Key  []byte    `json:"key"`
	Used time.Time `json:"used"` // when it was last entered, within usedStep
}

const (
	// openRoomLife is how long a room that nobody enters keeps its name and its key.
	openRoomLife = 30 * 24 * time.Hour
	// usedStep keeps an entry from being written at every visit.
	usedStep = 24 * time.Hour
)

var errNoOpenRoom = errors.New("server: no such open room")

// openRooms keeps them in the store. Safe for concurrent use, also by several servers.
type openRooms struct{ store store.Store }

func openRoomKey(room string) string { return store.Key("open-room", room) }

// start makes a room under a name of its own and returns its key, a secret of 130 bits.
func (o openRooms) start(ctx context.Context, now time.Time) (room, key string, err error) {
	key = rand.Text()
	sum := sha256.Sum256([]byte(key))
	for range 10 {
		r := openRoom{Room: roomName(), Key: sum[:], Used: now.UTC()}
		data, err := json.Marshal(r)
		if err != nil {
			return "", "", err
		}
		_, err = o.store.Create(ctx, openRoomKey(r.Room), data, openRoomLife)
		if !errors.Is(err, store.ErrExists) {
			return r.Room, key, err
		}
	}
	return "", "", errors.New("server: no free room name was found")
}

// get returns the room. Error: errNoOpenRoom.
func (o openRooms) get(ctx context.Context, room string) (openRoom, error) {
	e, err := o.store.Get(ctx, openRoomKey(room))
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrInvalid) {
		return openRoom{}, errNoOpenRoom
	}
	if err != nil {
		return openRoom{}, err
	}
	var r openRoom
	return r, json.Unmarshal(e.Value, &r)
}

// keep notes that the room is in use, so that it does not expire.
func (o openRooms) keep(ctx context.Context, r openRoom, now time.Time) error {
	if now.Sub(r.Used) < usedStep {
		return nil
	}
	r.Used = now.UTC()
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = o.store.Put(ctx, openRoomKey(r.Room), data, openRoomLife)
	return err
}

// opens says whether key is the room's.
func (r openRoom) opens(key string) bool {
	sum := sha256.Sum256([]byte(key))
	return subtle.ConstantTimeCompare(sum[:], r.Key) == 1
}

// roomName is a name that can be said aloud, such as "calm-otter-421": one of 24 million.
func roomName() string {
	return fmt.Sprintf("%s-%s-%d", adjectives[pick(len(adjectives))], animals[pick(len(animals))], 100+pick(9900))
}

// pick is a number below n that nobody can predict.
func pick(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return int(i.Int64())
}

// openTo says whether whoever asks may start rooms and enter open ones: everybody where the server was
// made open, nobody where it was closed, else the person at this machine.
func (s *Server) openTo(r *http.Request) bool {
	if s.cfg.Open != nil {
		return *s.cfg.Open
	}
	return atThisMachine(r)
}

// atThisMachine tells the person at this machine from one whose request a proxy on it passes on. The
// name in the address bar must be this machine's, and no proxy may have left its mark.
func atThisMachine(r *http.Request) bool {
	for _, mark := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(mark) != "" {
			return false
		}
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && from.Addr().Unmap().IsLoopback() && loopbackHost(r.Host)
}

var adjectives = []string{
	"amber", "brave", "breezy", "bright", "brisk", "calm", "cheery", "clever", "cosy", "crisp", "daring", "dapper",
	"eager", "early", "fair", "fancy", "fleet", "fond", "fresh", "gentle", "glad", "golden", "grand", "happy",
	"hardy", "humble", "jolly", "keen", "kind", "light", "lively", "lucky", "mellow", "merry", "mild", "neat",
	"nimble", "noble", "patient", "plucky", "polite", "proud", "quick", "quiet", "rapid", "ready", "rosy", "sandy",
	"silver", "snug", "steady", "sunny", "swift", "tidy", "warm", "wise", "witty", "young",
}

var animals = []string{
	"badger", "beaver", "bison", "crane", "cricket", "curlew", "dolphin", "dove", "eagle", "falcon", "finch", "fox",
	"gecko", "goose", "hare", "heron", "ibis", "jay", "kestrel", "koala", "lark", "lemur", "llama", "lynx",
	"magpie", "marten", "mole", "moose", "newt", "osprey", "otter", "owl", "panda", "pigeon", "plover", "puffin",
	"quail", "rabbit", "raven", "robin", "seal", "stork",
}
