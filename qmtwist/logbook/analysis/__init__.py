"""The log read again: lines matched into histories, and what they add up to. (qmailanalog)"""
