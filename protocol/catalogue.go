package protocol

// From says who sends a message.
type From uint8

// The senders.
const (
	FromClient From = 1 << iota
	FromServer
	FromBoth = FromClient | FromServer
)

// Message is one kind of message: its type, the shape of its body, and who sends it.
type Message struct {
	Type string
	Body any // a zero value of the body's type
	From From
}

// Messages lists every message of the protocol. The TypeScript types are generated from it.
var Messages = []Message{
	{TypeJoin, Join{}, FromClient},
	{TypeResume, Resume{}, FromClient},
	{TypePublish, Publish{}, FromClient},
	{TypeUnpublish, Unpublish{}, FromClient},
	{TypeTrack, TrackUpdate{}, FromBoth},
	{TypeSubscribe, Subscribe{}, FromClient},
	{TypeSignal, Signal{}, FromBoth},
	{TypeReport, Report{}, FromClient},
	{TypeWatchLink, WatchLink{}, FromClient},
	{TypeReady, Ready{}, FromClient},
	{TypeData, Data{}, FromBoth},
	{TypeModerate, Moderate{}, FromClient},
	{TypePing, Ping{}, FromClient},
	{TypeLeave, Leave{}, FromClient},
	{TypeWelcome, Welcome{}, FromServer},
	{TypeJoined, Joined{}, FromServer},
	{TypeLeft, Left{}, FromServer},
	{TypeParticipant, ParticipantUpdate{}, FromBoth},
	{TypePublished, Published{}, FromServer},
	{TypeUnpublished, Unpublished{}, FromServer},
	{TypeSlots, Slots{}, FromServer},
	{TypeNeedSlots, NeedSlots{}, FromServer},
	{TypeRoom, RoomUpdate{}, FromServer},
	{TypeSpeakers, Speakers{}, FromServer},
	{TypeQuality, Quality{}, FromServer},
	{TypeWanted, Wanted{}, FromServer},
	{TypeBackup, Backup{}, FromServer},
	{TypeLinkStats, LinkStats{}, FromServer},
	{TypePlan, Plan{}, FromServer},
	{TypeRestartICE, RestartICE{}, FromServer},
	{TypeICE, ICE{}, FromServer},
	{TypeToken, Token{}, FromServer},
	{TypeOK, OK{}, FromServer},
	{TypePong, Pong{}, FromServer},
	{TypeError, Error{}, FromServer},
}
