# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2207
# bash completion for pagebox

_pagebox_commands='ls stat map frames policies new set prefetch pageout discard'

# The box numbers; only root can read them.
_pagebox_boxes()
{
	pagebox ls --raw --noheadings --output BOX 2>/dev/null
}

# The processes that map a box.
_pagebox_pids()
{
	pagebox map --raw --noheadings --output PID 2>/dev/null | sort -nu
}

_pagebox_policies()
{
	pagebox policies --raw --noheadings --output POLICY 2>/dev/null
}

# _pagebox_options COMMAND: its options, taken from its help
_pagebox_options()
{
	pagebox "$1" --help 2>/dev/null | grep -o -- '--[a-z-]*' | sort -u
}

_pagebox_columns()
{
	pagebox "$1" --help 2>/dev/null | sed -n 's/^  \([A-Z_]*\) .*/\1/p' | sort -u
}

# Position of the program in "pagebox new": the first word that is neither an
# option nor its argument. No output if the program is not reached yet.
_pagebox_program()
{
	local i

	for ((i = 2; i <= COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--)
			[ "$i" -eq "$COMP_CWORD" ] || echo $((i + 1))
			return
			;;
		--read-only) ;;
		-*) [ "${COMP_WORDS[i + 1]}" != = ] || i=$((i + 1)); i=$((i + 1)) ;;
		*)
			echo "$i"
			return
			;;
		esac
	done
}

# Complete the program and its arguments as a command of their own.
_pagebox_delegate()
{
	if declare -F _command_offset >/dev/null; then
		_command_offset "$1"
	elif [ "$COMP_CWORD" -eq "$1" ]; then
		COMPREPLY=($(compgen -c -- "${COMP_WORDS[COMP_CWORD]}"))
	else
		COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
	fi
}

# _pagebox_words COMMAND BEFORE WORD: candidates for WORD
_pagebox_words()
{
	case $2 in
	-p|--pid) _pagebox_pids ;;
	-o|--output) _pagebox_columns "$1" ;;
	--policy) _pagebox_policies ;;
	--oom) echo sigbus kill wait ;;
	--overcommit) echo always never ;;
	--references) echo auto hardware exact every ;;
	--store|--swap) echo ram none && compgen -f -- "$3" ;;
	-N|--per-char|-g|--range|-c|--count) ;;
	--size|--frames|--name|--swap-pages|--readahead|--swappiness) ;;
	--oom-wait|--dirty-age|--dirty-ratio|--store-delay|--swap-delay) ;;
	*)
		case $1,$3 in
		*,-*) _pagebox_options "$1" ;;
		new,*|policies,*) ;;
		*) _pagebox_boxes ;;
		esac
		;;
	esac
}

_pagebox()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]} program

	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W "$_pagebox_commands --help --version" -- "$word"))
		return
	fi
	# bash splits --option=word into three words
	if [ "$word" = = ]; then
		word=''
	elif [ "$before" = = ]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	if [ "$command" = new ]; then
		program=$(_pagebox_program)
		if [ -n "$program" ]; then
			_pagebox_delegate "$program"
			return
		fi
	fi
	COMPREPLY=($(compgen -W "$(_pagebox_words "$command" "$before" "$word")" -- "$word"))
}

complete -F _pagebox pagebox
