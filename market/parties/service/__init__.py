"""What organisations and people do: register, sign in and prove it is them, make keys, join the staff."""

from market.parties.service.factors import (
    begin_passkey,
    begin_totp,
    confirm_totp,
    draw_recovery_codes,
    finish_passkey,
    list_factors,
    remove_factor,
)
from market.parties.service.keys import create_key, list_keys, refuse_beyond_key, revoke_key
from market.parties.service.new_password import change_password, request_password_code, reset_password
from market.parties.service.people import (
    display_names,
    emails_of,
    find_organisation,
    is_officer,
    names_for,
    read_person,
    who_are,
)
from market.parties.service.proving import Proof, prove, ways_to_prove
from market.parties.service.registering import register, request_code, verify_contact
from market.parties.service.signing_in import (
    SignIn,
    authenticate,
    end_own_session,
    lacks,
    list_sessions,
    sign_in,
    sign_out,
    still_holds,
)
from market.parties.service.staff import (
    Joining,
    disable_staff,
    disable_staff_by_email,
    forget_factors,
    invite_staff,
    join_staff,
    list_staff,
)

__all__ = [
    "Joining",
    "Proof",
    "SignIn",
    "authenticate",
    "begin_passkey",
    "begin_totp",
    "change_password",
    "confirm_totp",
    "create_key",
    "disable_staff",
    "disable_staff_by_email",
    "display_names",
    "draw_recovery_codes",
    "emails_of",
    "end_own_session",
    "find_organisation",
    "finish_passkey",
    "forget_factors",
    "invite_staff",
    "is_officer",
    "join_staff",
    "lacks",
    "list_factors",
    "list_keys",
    "list_sessions",
    "list_staff",
    "names_for",
    "prove",
    "read_person",
    "refuse_beyond_key",
    "register",
    "remove_factor",
    "request_code",
    "request_password_code",
    "reset_password",
    "revoke_key",
    "sign_in",
    "sign_out",
    "still_holds",
    "verify_contact",
    "ways_to_prove",
    "who_are",
]
