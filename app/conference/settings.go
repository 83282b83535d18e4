package conference

import (
	"switchyard/media"
	"switchyard/protocol"
	"switchyard/sfu"
)

// settings are a room's options from all who give some.
type settings struct {
	kept     protocol.RoomOptions // by the API
	revision uint64               // of kept
	token    protocol.RoomOptions // of the token that opened the room
	defaults protocol.RoomOptions // of the server's configuration
}

// effective are the options that hold, field by field: the API's before the token's before the
// configuration's.
func (s settings) effective() protocol.RoomOptions {
	return s.kept.Over(s.token).Over(s.defaults).WithKind()
}

// limitLink puts what the room allows into the options of a new link. Links made before stay as they are.
func (a *actor) limitLink(o *sfu.LinkOptions) {
	options := a.room.Options()
	o.MaxBitrate = options.MaxBitrate
	o.RecvCodecs = codecs(options.Codecs)
}

// codecs are those of a list, and all of a kind of which the list names none; nil: all.
func codecs(names []string) []media.Codec {
	if len(names) == 0 {
		return nil
	}
	var out []media.Codec
	named := map[media.Kind]bool{}
	for _, n := range names {
		c := media.ParseCodec(n)
		out = append(out, c)
		named[c.Kind()] = true
	}
	for _, n := range protocol.AllCodecs {
		if c := media.ParseCodec(n); !named[c.Kind()] {
			out = append(out, c)
		}
	}
	return out
}
