"""Whether a domain lets a client send mail in its name. (SPF, RFC 7208)"""
