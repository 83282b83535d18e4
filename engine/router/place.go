package router

import (
	"slices"

	"switchyard/protocol"
)

// placeVideo gives slots to the most wanted videos. Those that have a slot keep it; the others take the
// free ones, a video with audio preferring a slot of a pair, a video without it one that stands alone.
func (a *assigner) placeVideo() {
	slots := a.ofKind(protocol.KindVideo)
	want := a.wanted(protocol.KindVideo)
	if len(want) > len(slots) {
		a.need.Video = len(want) - len(slots)
		want = want[:len(slots)]
	}
	var homeless []*Track
	for _, t := range want {
		if mid := a.was[t.ID]; mid != "" {
			a.put(t, mid)
		} else {
			homeless = append(homeless, t)
		}
	}
	for _, t := range homeless {
		withAudio := a.track(a.scene.mate[t.ID]) != nil
		a.put(t, a.free(slots, func(mid string) bool { return (a.pair[mid] != "") == withAudio }))
	}
}

// placeAudio gives the audio of shown videos the other slot of the pair, whatever is there now, and
// then the other wanted audio: what has a slot that is still free keeps it, the rest takes lone slots
// first, then those of pairs whose video has no audio.
func (a *assigner) placeAudio() {
	slots := a.ofKind(protocol.KindAudio)
	var rest []*Track
	for _, t := range a.wanted(protocol.KindAudio) {
		if mid := a.besideVideo(t); mid != "" {
			a.put(t, mid)
		} else {
			rest = append(rest, t)
		}
	}
	if free := len(slots) - a.taken(slots); len(rest) > free {
		a.need.Audio = len(rest) - free
		rest = rest[:free]
	}
	var homeless []*Track
	for _, t := range rest {
		if mid := a.was[t.ID]; mid != "" && a.feeds[mid] == "" {
			a.put(t, mid)
		} else {
			homeless = append(homeless, t)
		}
	}
	for _, t := range homeless {
		a.put(t, a.free(slots, func(mid string) bool { return a.pair[mid] == "" }, a.besideNothing))
	}
}

// besideVideo is the audio slot of the pair where the track's video is shown, "" without.
func (a *assigner) besideVideo(t *Track) string {
	video, ok := a.at[a.scene.mate[t.ID]]
	if !ok {
		return ""
	}
	return a.pair[video]
}

// besideNothing says whether an audio slot belongs to a pair without a video: sound there is heard
// beside no wrong picture.
func (a *assigner) besideNothing(mid string) bool { return a.feeds[a.pair[mid]] == "" }

// free returns a slot that nothing feeds: the first that pleases the first of prefer, else the second
// and so on, else any.
func (a *assigner) free(slots []string, prefer ...func(mid string) bool) string {
	for _, pleases := range append(prefer, func(string) bool { return true }) {
		for _, mid := range slots {
			if a.feeds[mid] == "" && pleases(mid) {
				return mid
			}
		}
	}
	return ""
}

func (a *assigner) put(t *Track, mid string) {
	if mid == "" {
		return
	}
	a.feeds[mid] = t.ID
	a.at[t.ID] = mid
}

func (a *assigner) ofKind(kind protocol.TrackKind) []string {
	var mids []string
	for _, s := range a.in.Slots {
		if s.Kind == kind {
			mids = append(mids, s.MID)
		}
	}
	return mids
}

func (a *assigner) taken(slots []string) int {
	n := 0
	for _, mid := range slots {
		if a.feeds[mid] != "" {
			n++
		}
	}
	return n
}

// program is what a viewer of the whole room gets, the best first: it takes as many as it has slots.
// Video: the latest screen, then the speaker, then whom it sees already. Audio cannot be mixed into
// one slot: the speaker's comes first, then that of the picture.
func (a *assigner) program(kind protocol.TrackKind) []*Track {
	list := a.automatic(kind)
	if len(list) == 0 {
		return nil
	}
	if kind == protocol.KindVideo {
		a.latestScreenFirst(list)
	} else {
		a.speakerFirst(list)
	}
	slots := len(a.ofKind(kind))
	return list[:min(len(list), slots)] // a program has no more to need
}

// latestScreenFirst turns the screens, which lead the list by publication, around.
func (a *assigner) latestScreenFirst(list []*Track) {
	n := slices.IndexFunc(list, func(t *Track) bool { return !isScreen(t) || t.Muted })
	if n < 0 {
		n = len(list)
	}
	slices.SortStableFunc(list[:n], func(x, y *Track) int { return y.order - x.order })
}

// speakerFirst orders audio for one slot: who spoke last, then what belongs to the picture.
func (a *assigner) speakerFirst(list []*Track) {
	slices.SortStableFunc(list, func(x, y *Track) int {
		if c := boolFirst(!x.Muted, !y.Muted); c != 0 {
			return c
		}
		if c := a.voice(x) - a.voice(y); c != 0 {
			return c
		}
		return boolFirst(a.besidePicture(x), a.besidePicture(y))
	})
}

// voice ranks people by who spoke last; a screen's audio is nobody's voice.
func (a *assigner) voice(t *Track) int {
	if isScreen(t) {
		return len(a.scene.rank)
	}
	return a.scene.rankOf(t)
}

func (a *assigner) besidePicture(t *Track) bool {
	_, ok := a.at[a.scene.mate[t.ID]]
	return ok
}
