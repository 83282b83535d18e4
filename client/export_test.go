package client

// RefuseQUIC makes the way one of DataChannels, as where QUIC does not come up.
func (w *Way) RefuseQUIC() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fellBack = true
}
