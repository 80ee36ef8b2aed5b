package schema

// Elem is the kind of the elements of a list or set and of the values of a map.
// It is nil for every other kind.
func Elem(k Kind) Kind {
	switch k := k.(type) {
	case collection:
		return k.elem
	case mapKind:
		return k.elem
	}
	return nil
}
