package spool

// remember keeps in how many chunks a message is stored. Small messages, which
// are the many, are not kept.
func (s *Spool) remember(id string, parts uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts[id] = parts
}

// forget is the end of a message. It gives what chunks gives.
func (s *Spool) forget(id string) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.parts[id]
	delete(s.parts, id)
	return n
}

// chunks says in how many chunks a message is stored, zero for a small one.
func (s *Spool) chunks(id string) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parts[id]
}
