package client

// transports are what a link of ours can carry besides DataChannels.
func (l *Link) transports() []string { return nil }
